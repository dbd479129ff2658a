#!/bin/sh
# Begins with a line that is not in the contract.
echo hello
sleep 1000
