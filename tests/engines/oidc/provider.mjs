// Another party's OpenID provider (npm oidc-provider, certified) for the tests: loopback, accounts that sign in without
// a form, keys that change when a test says so. Settings are in CIOR_TESTS_OIDC; it ends when its standard input does.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';

import { Provider } from 'oidc-provider';

const settings = JSON.parse(process.env.CIOR_TESTS_OIDC);
process.stdin.resume().on('end', () => process.exit(0));

const issuer = `http://127.0.0.1:${settings.port}`;
let who = { accountId: 'ana', amr: ['pwd', 'otp'], claims: {} };
let provider = make();

function key(kid) {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...privateKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'ES256' };
}

function make() {
  const made = new Provider(issuer, {
    clients: settings.clients,
    jwks: { keys: [key(`k-${Date.now()}-${Math.random()}`)] },
    cookies: { keys: ['only for these tests'] },
    pkce: { required: () => true },
    features: {
      devInteractions: { enabled: false },
      rpInitiatedLogout: { enabled: true },
      backchannelLogout: { enabled: true },
    },
    // Its own guard refuses addresses of this machine, where its clients are here.
    fetch: (url, options) => globalThis.fetch(url, { ...options, dispatcher: undefined }),
    conformIdTokenClaims: false,
    claims: { openid: ['sub', 'groups', 'amr'], profile: ['name', 'preferred_username'] },
    interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_context, id) => ({
      accountId: id,
      claims: () => ({ sub: id, preferred_username: id, name: `Persona ${id}`, ...who.claims }),
    }),
  });
  made.on('backchannel.error', (_context, error) => console.error(error));
  made.on('server_error', (_context, error) => console.error(error));
  return made;
}

async function interact(request, response) {
  const details = await provider.interactionDetails(request, response);
  const result = { login: { accountId: who.accountId, amr: who.amr, remember: false } };
  if (details.prompt.name === 'consent') {
    const grant = new provider.Grant({ accountId: details.session.accountId, clientId: details.params.client_id });
    grant.addOIDCScope(details.params.scope);
    result.consent = { grantId: await grant.save() };
  }
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
}

async function told(request, response) {
  const parts = [];
  for await (const part of request) parts.push(part);
  if (request.url === '/tests/who') who = { ...who, ...JSON.parse(Buffer.concat(parts).toString()) };
  if (request.url === '/tests/rotate') provider = make();
  response.end('{}');
}

createServer((request, response) => {
  if (request.url.startsWith('/tests/')) return told(request, response);
  if (request.url.startsWith('/interaction/')) {
    return interact(request, response).catch((error) => {
      console.error(error);
      response.statusCode = 500;
      response.end();
    });
  }
  return provider.callback()(request, response);
}).listen(settings.port, '127.0.0.1', () => console.log('listening'));
