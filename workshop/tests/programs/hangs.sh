#!/bin/sh
# Says that it listens, has a child, and does nothing more. Nobody listens on port 9.
echo listening on http://127.0.0.1:9
sleep 1000 &
sleep 1000
