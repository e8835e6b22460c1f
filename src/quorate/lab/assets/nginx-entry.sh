#!/bin/sh
# First process of the nginx image: fills templates from the environment, runs the
# scripts of /docker-entrypoint.d, then starts what it was given.
set -e
case "${1:-}" in
    nginx | nginx-debug)
        for template in /etc/nginx/templates/*.template; do
            [ -e "$template" ] || continue
            python3 - "$template" "/etc/nginx/conf.d/$(basename "$template" .template)" <<'END'
import os, re, sys
text = open(sys.argv[1]).read()
text = re.sub(r"\$\{(\w+)\}", lambda m: os.environ.get(m[1], m[0]), text)
open(sys.argv[2], "w").write(text)
END
        done
        for script in /docker-entrypoint.d/*.sh; do [ ! -x "$script" ] || "$script"; done
        ;;
esac
exec "$@"
