# escape=\
FROM node:24 AS assets
WORKDIR /app
COPY package*.json ./
RUN npm ci
COPY . ./
RUN npm run build

FROM nginxinc/nginx-unprivileged:1.29-alpine
COPY --from=assets /app/dist /usr/share/nginx/html
COPY nginx.conf /etc/nginx/conf.d/default.conf
COPY <<EOF /usr/share/nginx/html/robots.txt
User-agent: *
Disallow: /private
EOF
EXPOSE 8080
