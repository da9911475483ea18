FROM debian
ENV VERSION=1.2 BASE_URL=https://example.com
RUN set -eux; if [ -n "$X" ]; then curl -fsSL "$BASE_URL/$VERSION/x" | gunzip | sudo -E bash -s -- -y; fi \
 && for p in a b; do wget http://example.com/$p; done; VERSION=2 make V=$VERSION
RUN bash -c "$(curl -fsSL https://example.com/install.sh)" && sh -c 'chmod 777 /x' && su - app -c "pip install x"
RUN . <(curl https://example.com) ; eval "$(wget -qO- https://example.com)"
RUN find / -name '*.sh' -exec chmod a+w {} \; && env DEBIAN_FRONTEND=noninteractive timeout -k 5 10 apt-get install -y jq
RUN export TOKEN=abc && echo "$TOKEN" > /etc/token; cat <<X >> /etc/passwd
root::0
X
RUN echo hello |& /usr/bin/tee -a /etc/x
RUN if true; then echo broken
