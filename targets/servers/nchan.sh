#!/bin/sh
# Starts nginx with Nchan: nchan.sh PORT FOLDER. The folder has to be empty.
set -eu
sed -e "s|@PORT@|$1|" -e "s|@FOLDER@|$2|" "${0%/*}/nchan.conf" >"$2/nginx.conf"
# Started by root, the worker would be another user, who may not enter the folder.
user=
if [ "$(id -u)" = 0 ]; then
  user="user root;"
fi
exec nginx -e stderr -g "$user" -c "$2/nginx.conf"
