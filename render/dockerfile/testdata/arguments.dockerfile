ARG A=one
ARG NONE
FROM x:${A:-two} AS a
FROM x:${NONE:-two} AS b
FROM x:${NONE} AS c
FROM x:${MISSING:-three}${A:+-set}${NONE:+-set} AS d
FROM x:${A#o} AS e
FROM image
ARG A
ARG NONE
ARG LATE=${A}-${NONE:-none}
ENV E1=$A E2="$E1 and ${LATE}" E3='$A' E4=\$A E5=${NONE} PATH=/app:$PATH
ENV OLD the rest  of the line
ENV E1=new E6=$E1
LABEL "a b"="c d" version=1.0 \
      other=${E1:?must be set}
WORKDIR $E1/x
USER ${NONE}
FROM scratch
ENV S=$NOTHING/x
EXPOSE 80 443/TCP ${PORT:-8080}
