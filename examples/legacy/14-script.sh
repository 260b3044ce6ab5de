#!/bin/bash
# User data may be a script.
echo "hello from user data" > /run/hello
