# comment first
# escape=`
FROM a\
:1
