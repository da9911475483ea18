FROM debian
RUN <<EOF
apt-get update
apt-get install -y curl
EOF
RUN <<-"END" cat > /x && echo done
	$NOT a command
	END
RUN <<EOT bash -e
echo "in bash" | tee /log
EOT
COPY <<a.txt <<b.txt /etc/
A $x
a.txt
B
b.txt
RUN <<EOF
#!/usr/bin/env python3
import os
EOF
USER app
