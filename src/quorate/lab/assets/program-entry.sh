#!/bin/sh
# First process of images that are one program: flags alone go to that program
# ($QUORATE_PROGRAM), anything else is run as it is.
case "${1:-}" in
    "" | -*) exec $QUORATE_PROGRAM "$@" ;;
    *) exec "$@" ;;
esac
