#!/bin/bash
# SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-or-later
# Makes the directory FOLDER that the cfsctl rows of README.md were made of: all types of files, contents around the
# limits of the layout, links, names and xattrs. Needs root (device nodes, trusted xattrs) and setfattr.
set -e
mkdir "$1"
cd "$1"
mkdir -p usr/bin usr/lib/deep/er many big etc; 
for i in $(seq 1 400); do printf 'x' > many/name-$i; done
for i in $(seq 1 60); do printf 'y%d' $i > big/$(printf 'n%060d' $i); done
for s in 0 1 63 64 65 4095 4096 4097 70000 1048577; do head -c $s /dev/zero | tr '\0' 'z' > usr/bin/size$s; done
cp usr/bin/size70000 usr/lib/copy1; cp usr/bin/size70000 usr/lib/copy2
ln usr/bin/size4097 usr/lib/deep/er/hard; ln usr/bin/size64 etc/hard64; ln usr/bin/size64 usr/lib/hard64
ln -s ../target etc/short; ln -s "$(printf 'a/%.0s' $(seq 1 2000))" etc/long; for i in 1 2 3 4 5 6; do ln -s "$(printf 'b%.0s' $(seq 1 900))$i" etc/medium$i; done
mkfifo etc/fifo; mknod etc/null c 1 3; mknod etc/sda b 8 1; mknod etc/whiteout c 0 0; python3 -c "import socket; socket.socket(socket.AF_UNIX).bind('etc/sock')"
: > 'etc/name with space'; : > $'etc/new\nline'; : > $'etc/\xc3\xbc'; : > 'etc/!bang' ; : > etc/-dash; mkdir etc/00
: > "etc/$(printf 'L%.0s' $(seq 1 255))"
setfattr -n user.one -v 1 etc/fifo 2>/dev/null || true
for f in usr/bin/size0 usr/bin/size65 etc usr/lib many/name-7; do setfattr -n user.shared -v same $f; setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 $f; setfattr -n trusted.foo -v bar $f; done
setfattr -n user.single -v "$(printf 'v%.0s' $(seq 1 300))" usr/bin/size4096
setfattr -n trusted.overlay.opaque -v y usr/lib
chmod 4755 usr/bin/size65; chmod 1777 big; chmod 0 etc/fifo; chown 1000:1000 many/name-3; chown 70000:5 many/name-4
touch -h -d '1999-01-01 00:00:00.5' etc/short; find . -newermt 2001-01-01 -exec touch -h -d '2024-05-06 07:08:09' {} +
touch -d '2024-05-06 07:08:09.123456789' usr/bin/size1; touch -d '2024-05-06 07:08:10' .
