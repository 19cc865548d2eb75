// smtp-server.mjs FOLDER PORT: smtp-server with STARTTLS and one user, for b.test; mail goes to FOLDER/box.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const { SMTPServer } = createRequire(`${process.env.MODULES}/`)('smtp-server');
const [folder, port] = process.argv.slice(2);
let number = 0;

const server = new SMTPServer({
    name: 'mx.b.test',
    key: readFileSync(`${folder}/key.pem`),
    cert: readFileSync(`${folder}/cert.pem`),
    authOptional: true,
    allowInsecureAuth: true,
    disableReverseLookup: true,
    onAuth: (auth, session, callback) => callback(
        auth.username === 'me' && auth.password === 'secret' ? null : new Error('No such user'), { user: auth.username }),
    onRcptTo: (address, session, callback) => callback(
        session.user || address.address.toLowerCase().endsWith('@b.test') ? null : new Error('Relaying denied')),
    onData: (stream, session, callback) => {
        const parts = [];
        stream.on('data', part => parts.push(part));
        stream.on('end', () => {
            for (const recipient of session.envelope.rcptTo) {
                const name = `${folder}/box/${number++}`;
                writeFileSync(name, Buffer.concat(
                    [Buffer.from(`Received: from ${session.hostNameAppearsAs} for ${recipient.address}\r\n`), ...parts]));
                renameSync(name, `${name}.eml`);
            }

            callback();
        });
    },
});
// Sessions that end by an error.
server.on('error', error => console.log(error.message));
server.listen(Number(port), '127.0.0.1');
