# Default configuration, so that every service of the image starts bare and finds
# its files where the upstream image has them.

install -d /etc/prometheus /etc/alertmanager /etc/blackbox_exporter /usr/local/etc/haproxy \
    /etc/caddy /etc/docker/registry /etc/distribution /etc/nginx/conf.d /etc/nginx/templates \
    /etc/mysql/conf.d /docker-entrypoint-initdb.d
install -d -o nobody -g nogroup /prometheus /alertmanager /pushgateway
install -d -m 1777 /var/run/postgresql /run/mysqld
install -d -o postgres -g postgres /var/lib/postgresql
install -d -o mysql -g mysql /var/lib/mysql
install -d -o redis -g redis /data
install -d /var/lib/registry /usr/share/nginx/html

cat > /etc/prometheus/prometheus.yml <<'END'
global:
  scrape_interval: 15s
scrape_configs:
  - job_name: prometheus
    static_configs:
      - targets: [localhost:9090]
END
cat > /etc/alertmanager/alertmanager.yml <<'END'
route: {receiver: nobody}
receivers:
  - name: nobody
END
cat > /etc/blackbox_exporter/config.yml <<'END'
modules:
  http_2xx: {prober: http}
  tcp_connect: {prober: tcp}
END
cat > /usr/local/etc/haproxy/haproxy.cfg <<'END'
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend empty
  bind :80
  http-request return status 200 content-type text/plain string "no configuration given"
END
cat > /etc/caddy/Caddyfile <<'END'
:80 {
	root * /usr/share/caddy
	file_server
}
END
cat > /etc/docker/registry/config.yml <<'END'
version: 0.1
storage:
  filesystem: {rootdirectory: /var/lib/registry}
  delete: {enabled: true}
http: {addr: ":5000"}
health:
  storagedriver: {enabled: true, interval: 10s, threshold: 3}
END
cp /etc/docker/registry/config.yml /etc/distribution/config.yml

rm -rf /etc/nginx/sites-available /etc/nginx/sites-enabled /etc/nginx/modules-enabled
cat > /etc/nginx/nginx.conf <<'END'
user nginx;
worker_processes auto;
error_log /dev/stderr notice;
pid /run/nginx.pid;
events { worker_connections 1024; }
http {
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    access_log /dev/stdout;
    sendfile on;
    keepalive_timeout 65;
    include /etc/nginx/conf.d/*.conf;
}
END
cat > /etc/nginx/conf.d/default.conf <<'END'
server {
    listen 80;
    server_name localhost;
    location / {
        root /usr/share/nginx/html;
        index index.html index.htm;
    }
}
END
cat > /etc/mysql/my.cnf <<'END'
[client-server]
socket = /run/mysqld/mysqld.sock
[mysqld]
user = mysql
datadir = /var/lib/mysql
bind-address = *
skip-name-resolve
innodb_buffer_pool_size = 64M
performance_schema = off
!includedir /etc/mysql/conf.d/
END
