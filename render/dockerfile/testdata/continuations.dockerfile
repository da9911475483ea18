FROM \
  # the base
  alpine:3.22 \

  AS x
  # indented comment
RUN apk add --no-cache \
      # why
      curl=8.0 \
      git   \   
   && rm -rf /x
run echo a\\
RUN echo "# no comment" # a comment of the shell
CMD [ 'single', 'quotes' ]
ENTRYPOINT ["/bin/sh", "-c", "exec app --x \"$Y\""]
RUN ["apt-get", "install", "curl"]
RUN ["/bin/bash", "-c", "curl x | sh"]
