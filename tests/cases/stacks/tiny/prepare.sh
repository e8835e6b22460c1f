#!/bin/sh
# Made by `quorate render`; a change here is lost at the next one.
# Run it on a manager, before the stacks.
set -eu

# Labels that placement constraints refer to.
docker node update --label-add quorate.pool.21066d10=yes one
docker node update --label-add quorate.pool.21066d10=yes two

# Configs to create; `quorate up` makes them under versioned names.
#   docker config create shop_page HERE/index.html
