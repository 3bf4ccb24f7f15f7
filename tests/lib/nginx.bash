# nginx.bash - an nginx of the test's own in front of a server:  load lib/nginx

# start_nginx PORT: a proxy before 127.0.0.1:PORT, as examples/nginx.conf has it; its own
# port is in $NGINX_PORT. Ended by teardown like all that `start` starts.
start_nginx() {
	command -v nginx > /dev/null || skip "nginx is not installed"
	NGINX_PORT=$(free_port)
	mkdir -p "$T/nginx"
	cat > "$T/nginx.conf" <<-END
	daemon off; master_process off;
	pid $T/nginx/pid;
	error_log stderr warn;
	events { worker_connections 512; }
	http {
		access_log off;
		client_body_temp_path $T/nginx/body; proxy_temp_path $T/nginx/proxy;
		fastcgi_temp_path $T/nginx/f; uwsgi_temp_path $T/nginx/u; scgi_temp_path $T/nginx/s;
		server {
			listen 127.0.0.1:$NGINX_PORT;
			location / {
				proxy_pass http://127.0.0.1:$1;
				proxy_http_version 1.1;
				proxy_set_header Upgrade \$http_upgrade;
				proxy_set_header Connection "upgrade";
				proxy_set_header Host \$host;
				proxy_set_header X-Forwarded-For \$proxy_add_x_forwarded_for;
				proxy_read_timeout 75s;
			}
		}
	}
	END
	start nginx nginx -p "$T/nginx" -c "$T/nginx.conf"
	retry tcp_open "$NGINX_PORT"
}

tcp_open() { (: < "/dev/tcp/127.0.0.1/$1") 2> /dev/null; }
