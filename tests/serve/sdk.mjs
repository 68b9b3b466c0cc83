// What the JavaScript SDK tests share: where the server is and with which keys, as scripts/sdk-tests says in the environment.
export const url = process.env.BALEEN_URL ?? 'http://127.0.0.1:8080';
export const key = process.env.BALEEN_KEY ?? 'none';
export const slowKey = process.env.BALEEN_SLOW_KEY;
export const wrongKey = 'sk-00000000000000000000000000000bad';

export const flash = 'deepseek-v4-flash';
export const pro = 'deepseek-v4-pro';

export const weather = {
  type: 'object',
  properties: { city: { type: 'string', description: 'Name of the city' } },
  required: ['city'],
};
export const question = [{ role: 'user', content: 'Who are you?' }];
