#!/bin/sh
# Starts Pushpin and the origin behind it: pushpin.sh PORT FOLDER. The folder has to be empty.
# Pushpin listens at 127.0.0.1, the origin at 127.0.0.2, and Pushpin's control port is at 127.0.0.3.
set -eu
servers="${0%/*}"
sed -e "s|@PORT@|$1|" -e "s|@FOLDER@|$2|g" "$servers/pushpin.conf" >"$2/pushpin.conf"
# Of a WebSocket, the origin sees a request (WebSocket over HTTP).
echo "* 127.0.0.2:$1,over_http" >"$2/routes"
HOST=127.0.0.2 PORT="$1" CONTROL="http://127.0.0.3:$1" node "$servers/pushpin.mjs" &
exec pushpin --merge-output --config "$2/pushpin.conf"
