#!/bin/sh
# Ends before it listens.
exit 3
