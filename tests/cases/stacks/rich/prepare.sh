#!/bin/sh
# Made by `quorate render`; a change here is lost at the next one.
# Run it on a manager, before the stacks.
set -eu

# Labels that placement constraints refer to.
docker node update --label-add disk=nvme --label-add quorate.pool.bbfb79e8=yes --label-add quorate.zone=rack-1 alpha
docker node update --label-add quorate.pool.5b65a816=yes --label-add quorate.pool.bbfb79e8=yes --label-add quorate.zone=rack-2 beta
docker node update --label-add quorate.pool.5b65a816=yes --label-add quorate.zone=rack-2 gamma

# Networks that several stacks share.
docker network inspect public >/dev/null 2>&1 || docker network create --driver overlay --attachable --opt encrypted= public

# Secrets to create; `quorate up` makes them under versioned names.
#   docker secret create shop_session_key /srv/fleet/session.key
#   printf %s "$SMTP_PASSWORD" | docker secret create smtp_password -

# Configs to create; `quorate up` makes them under versioned names.
#   docker config create shop_page - (its text stands in the compose file)
#   docker config create tools_routes /srv/fleet/routes.conf
