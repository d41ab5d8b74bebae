'use strict';

// Makes keys, signs requests with packages that others wrote, and sends them.
// t/clients.t asks by a line of JSON and reads a line of JSON; an empty one
// ends it.

const crypto = require('node:crypto');
const fs = require('node:fs');
const https = require('node:https');
const readline = require('node:readline');

globalThis.crypto ??= crypto.webcrypto;         // Node 18

const HOST = 'platform.example';
const nonce = () => crypto.randomBytes(16).toString('hex');
const now = () => Math.floor(Date.now() / 1000);
const sha256 = (text) =>
    crypto.createHash('sha256').update(text).digest('base64');


// --- keys: the private half for the client, the public one for the policy ---

const pair = (type, options) => () => {
    const { publicKey, privateKey } = crypto.generateKeyPairSync(type, options);

    return { key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
             public_key: publicKey.export({ type: 'spki', format: 'pem' }),
             jwk: publicKey.export({ format: 'jwk' }) };
};

const make = {
    ed25519: pair('ed25519'),
    p256: pair('ec', { namedCurve: 'P-256' }),
    p384: pair('ec', { namedCurve: 'P-384' }),
    rsa: pair('rsa', { modulusLength: 2048 }),
    secret: () => {
        const secret = crypto.randomBytes(32).toString('base64');

        return { key: secret, secret };
    },
    sm2: () => {
        const { sm2 } = require('sm-crypto');
        const { privateKey, publicKey } = sm2.generateKeyPairHex();

        return { key: privateKey,
                 public_key: Buffer.from(publicKey, 'hex').toString('base64') };
    },
};


// --- clients: each returns the headers that it adds to a request ------------

// The package signs by itself, as its own documentation shows.
async function httpMessageSignatures(ask, request, signer) {
    const { createSigner, httpbis } = require('http-message-signatures');
    const key = ask.alg === 'hmac-sha256' ? Buffer.from(ask.key, 'base64')
                                          : ask.key;
    const signed = await httpbis.signMessage({
        key: signer ?? createSigner(key, ask.alg, ask.keyid),
        fields: request.covered,
        params: ['created', 'expires', 'keyid', 'nonce', 'alg'],
        paramValues: { nonce: nonce() },
    }, request);

    return signed.headers;
}

// The same with another function for the signature itself.
function withSalt64(ask, request) {
    return httpMessageSignatures(ask, request, {
        id: ask.keyid,
        alg: ask.alg,
        sign: async (base) => crypto.sign('sha512', base, {
            key: ask.key, saltLength: 64,
            padding: crypto.constants.RSA_PKCS1_PSS_PADDING }),
    });
}

async function httpMessageSig(ask, request, signer) {
    const { createSignature, webcrypto } = require('http-message-sig');
    const how = { 'ed25519': { name: 'Ed25519' },
                  'rsa-pss-sha512': { name: 'RSA-PSS', hash: 'SHA-512' } };

    signer ??= webcrypto.signer(await globalThis.crypto.subtle.importKey(
        'pkcs8', crypto.createPrivateKey(ask.key).export(
            { type: 'pkcs8', format: 'der' }),
        how[ask.alg], false, ['sign']));

    const made = await createSignature(
        { kind: 'request', method: request.method, targetUri: request.url,
          fields: Object.entries(request.headers).map(
              ([name, value]) => ({ name, value })) },
        { label: 'sig1', components: request.covered, signer,
          parameters: { created: now(), keyid: ask.keyid, nonce: nonce(),
                        alg: ask.alg } });

    return { 'Signature': made.signature,
             'Signature-Input': made.signatureInput };
}

function smCrypto(ask, request) {
    const { sm2 } = require('sm-crypto');

    return httpMessageSig(ask, request, {
        algorithm: ask.alg,
        sign: (base) => Buffer.from(
            sm2.doSignature([...base], ask.key, { hash: true }), 'hex'),
    });
}

async function jose(ask) {
    const { SignJWT, importPKCS8 } = await import(require.resolve('jose'));
    const token = await new SignJWT({ cnf: { 'x5t#S256': ask.x5t } })
        .setProtectedHeader({ alg: ask.alg, kid: ask.keyid, typ: 'JWT' })
        .setIssuer(ask.iss).setAudience(`https://${HOST}`)
        .setIssuedAt().setExpirationTime('5m')
        .sign(await importPKCS8(ask.key, ask.alg));

    return { Authorization: `Bearer ${token}` };
}

const clients = {
    'http-message-signatures': httpMessageSignatures,
    'http-message-signatures, salt 64': withSalt64,
    'http-message-sig': httpMessageSig,
    'http-message-sig, sm-crypto': smCrypto,
    'jose': jose,
};


// --- requests ---------------------------------------------------------------

function prepare(ask) {
    const headers = {};
    const covered = ['@method', '@authority', '@path'];

    if (ask.path.includes('?')) {
        covered.push('@query');
    }

    if (ask.body !== undefined) {
        headers['Content-Type'] = 'application/json';
        headers['Content-Digest'] = `sha-256=:${sha256(ask.body)}:`;
        covered.push('content-type', 'content-digest');
    }

    return { method: ask.method, url: `https://${HOST}${ask.path}`, headers,
             covered };
}

// One bit of what was signed, or of the signature.
const flip = {
    path: (ask) => { ask.path = ask.path.replace('1182', '1183'); },
    body: (ask) => { ask.body = ask.body.replace('1182', '1183'); },
    signature: (ask, headers) => {
        const name = headers.Authorization ? 'Authorization' : 'Signature';

        headers[name] = headers[name].replace(
            name === 'Signature' ? /:[^:]+:/ : /[^.]+$/, (text) => {
                const url = name === 'Signature' ? 'base64' : 'base64url';
                const bytes = Buffer.from(text.replace(/:/g, ''), url);

                bytes[0] ^= 1;
                return name === 'Signature' ? `:${bytes.toString(url)}:`
                                            : bytes.toString(url);
            });
    },
};

function send(ask, headers) {
    const options = {
        host: '127.0.0.1', port: ask.port, servername: HOST,
        rejectUnauthorized: false, agent: false,
        method: ask.method, path: ask.path, headers: { Host: HOST, ...headers },
    };

    if (ask.certificate) {
        options.cert = fs.readFileSync(`${ask.certificate}.crt`);
        options.key = fs.readFileSync(`${ask.certificate}.key`);
    }

    return new Promise((resolve, reject) => {
        const request = https.request(options, (answer) => {
            const parts = [];

            answer.on('data', (part) => parts.push(part));
            answer.on('end', () => resolve({
                status: answer.statusCode, headers: answer.headers,
                body: Buffer.concat(parts).toString() }));
        });

        request.on('error', reject);
        request.end(ask.body);
    });
}

async function answer(ask) {
    if (ask.make) {
        return make[ask.make]();
    }

    const request = prepare(ask);
    const headers = { ...request.headers,
                      ...await clients[ask.client](ask, request) };

    if (ask.flip) {
        flip[ask.flip](ask, headers);
    }

    return send(ask, headers);
}

(async () => {
    for await (const line of readline.createInterface(process.stdin)) {
        if (line === '') {
            process.exit(0);
        }

        const out = await answer(JSON.parse(line))
                          .catch((error) => ({ error: error.stack }));

        process.stdout.write(JSON.stringify(out) + '\n');
    }
})();
