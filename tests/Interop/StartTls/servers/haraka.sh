#!/bin/sh
# haraka.sh FOLDER PORT: Haraka with STARTTLS and one user, for b.test; mail goes to FOLDER/box. MODULES: where npm installed it; NODE: Node.js.
set -e
folder=$1 port=$2
mkdir -p "$folder/config" "$folder/plugins"
cd "$folder/config"
printf 'listen=127.0.0.1:%s\n' "$port" >smtp.ini
echo mx.b.test >me
echo b.test >host_list
printf 'tls\nauth/flat_file\nrcpt_to.in_host_list\nbox\n' >plugins
printf '[core]\nmethods=PLAIN,LOGIN\n[users]\nme=secret\n' >auth_flat_file.ini
printf 'key=key.pem\ncert=cert.pem\n' >tls.ini
cp ../key.pem ../cert.pem "$MODULES/Haraka/config/connection.ini" .
cat >../plugins/box.js <<'END'
const { createWriteStream, renameSync } = require('node:fs');
let number = 0;
exports.hook_queue = (next, connection) => {
    const name = `${process.env.BOX}/${number++}`;
    const file = createWriteStream(name);
    file.on('finish', () => { renameSync(name, `${name}.eml`); next(OK); });
    connection.transaction.message_stream.pipe(file);
};
exports.hook_queue_outbound = exports.hook_queue;
END
BOX=$folder/box exec "$NODE" "$MODULES/Haraka/bin/haraka" -c "$folder"
