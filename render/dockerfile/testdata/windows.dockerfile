# escape=`
FROM mcr.microsoft.com/windows/servercore:ltsc2022
SHELL ["powershell", "-Command"]
RUN Write-Host `
    $env:PATH; `
    # a comment
    Remove-Item C:\x
WORKDIR C:\app
COPY a.txt C:\app\
CMD ["C:\\app\\x.exe"]
