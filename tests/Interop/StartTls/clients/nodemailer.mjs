// nodemailer.mjs: sends with nodemailer what ask.sh asks for; its port goes to the standard output. MODULES: where npm installed it.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';

const nodemailer = createRequire(`${process.env.MODULES}/`)('nodemailer');

async function deliver(host, port, policy, cafile, from, to, user, pass, message, count) {
    const transport = nodemailer.createTransport({
        host,
        port: Number(port),
        name: 'client.test',
        socketTimeout: 10_000,
        pool: count !== '1',
        maxConnections: 1,
        auth: { user, pass },
        requireTLS: policy !== 'opportunistic',
        tls: policy === 'verify' ? { ca: readFileSync(cafile) } : { rejectUnauthorized: false },
    });
    try {
        for (let i = 0; i < Number(count); i++) {
            await transport.sendMail({ envelope: { from, to }, raw: readFileSync(message) });
        }
    } finally {
        transport.close();
    }
}

const server = createServer(socket => {
    socket.on('error', () => { });
    createInterface({ input: socket }).once('line', line => deliver(...line.split('\t')).then(
        () => socket.end('0 delivered\n'),
        error => socket.end(`1 ${error.message.replaceAll('\n', ' ')}\n`)));
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
