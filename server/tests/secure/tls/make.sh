#!/bin/sh
# Makes the certificates of these tests anew: an authority, and two leaves for localhost, from 2020 to 2119.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: > "$work/index"
cat > "$work/ca.cnf" <<CNF
[ca]
default_ca = here
[here]
database = $work/index
new_certs_dir = $work
rand_serial = yes
default_md = sha256
policy = any
default_startdate = 20200101000000Z
default_enddate = 21190101000000Z
[any]
commonName = supplied
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
[leaf]
basicConstraints = CA:FALSE
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1
CNF
ec() { openssl ecparam -genkey -name prime256v1 -noout | openssl pkcs8 -topk8 -nocrypt -out "$1"; }
sign() { openssl ca -batch -notext -config "$work/ca.cnf" -keyfile "$work/ca.key" "$@"; }
ec "$work/ca.key"
openssl req -new -key "$work/ca.key" -subj "/CN=Landfall test authority" -out "$work/ca.csr"
sign -selfsign -extensions authority -in "$work/ca.csr" -out ca.pem
for name in first second; do
  ec "$name.key"
  openssl req -new -key "$name.key" -subj "/CN=$name" -out "$work/$name.csr"
  sign -cert ca.pem -extensions leaf -in "$work/$name.csr" -out "$name.pem"
done
