#!/bin/sh
# nginx.sh FOLDER PORT: nginx's mail proxy with STARTTLS and one user, before a server that keeps all mail in FOLDER/box. LAB: the extracted
# packages. Its auth_http and that server are upstream.py.
set -e
folder=$1 port=$2
here=$(cd "$(dirname "$0")" && pwd)
/usr/bin/python3 "$here/upstream.py" "$folder" &
while [ ! -s "$folder/http" ]; do sleep 0.05; done
mkdir -p "$folder/tmp"
cat >"$folder/nginx.conf" <<END
load_module $LAB/nginx/usr/lib/nginx/modules/ngx_mail_module.so;
user root;
daemon off;
error_log stderr;
pid $folder/pid;
worker_processes 2;
events { worker_connections 512; }
mail {
    server_name mx.b.test;
    auth_http 127.0.0.1:$(cat "$folder/http")/;
    proxy_pass_error_message on;
    smtp_auth plain login none;
    smtp_capabilities 8BITMIME "SIZE 10000000";
    xclient off;
    starttls on;
    ssl_certificate $folder/cert.pem;
    ssl_certificate_key $folder/key.pem;
    server { listen 127.0.0.1:$port; protocol smtp; }
}
END
exec "$LAB/nginx/usr/sbin/nginx" -p "$folder/" -e stderr -c "$folder/nginx.conf"
