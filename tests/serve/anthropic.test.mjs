// The official `@anthropic-ai/sdk` package against a running server. Run by scripts/sdk-tests.
import Anthropic from '@anthropic-ai/sdk';
import assert from 'node:assert/strict';
import test from 'node:test';
import { flash, key, pro, question, slowKey, url, weather, wrongKey } from './sdk.mjs';

const client = (apiKey = key) => new Anthropic({ baseURL: url + '/anthropic', apiKey, maxRetries: 0, timeout: 120_000 });
const asked = { model: flash, max_tokens: 60, messages: question, thinking: { type: 'disabled' }, temperature: 0 };
const tool = { name: 'get_weather', description: 'The weather of a city', input_schema: weather };

test('messages, whole', async () => {
  const answer = await client().messages.create(asked);
  assert.equal(answer.type, 'message');
  assert.match(answer.content.at(-1).text, /krill/);
  assert.equal((await client().messages.create({ ...asked, model: 'claude-opus-4-1' })).model, pro);
});

test('messages, with a token of authorisation', async () => {
  const other = new Anthropic({ baseURL: url + '/anthropic', authToken: key, apiKey: null, maxRetries: 0 });
  assert.equal((await other.messages.create(asked)).type, 'message');
});

test('messages, streamed', async () => {
  const stream = client().messages.stream({ ...asked, thinking: { type: 'enabled', budget_tokens: 1024 }, max_tokens: 400 });
  const kinds = [];
  stream.on('streamEvent', (event) => kinds.push(event.type));
  const final = await stream.finalMessage();
  assert.equal(kinds[0], 'message_start');
  assert.equal(kinds.at(-1), 'message_stop');
  assert.equal(final.content[0].type, 'thinking');
});

test('a forced tool', async () => {
  const final = await client().messages.stream({
    ...asked, messages: [{ role: 'user', content: 'What is the weather in Paris?' }], tools: [tool],
    tool_choice: { type: 'tool', name: 'get_weather' }, max_tokens: 100 }).finalMessage();
  assert.equal(final.stop_reason, 'tool_use');
  assert.equal(final.content.at(-1).name, 'get_weather');
  assert.equal(typeof final.content.at(-1).input, 'object');
});

test('count_tokens', async () => {
  const count = await client().messages.countTokens({ model: flash, messages: question, thinking: { type: 'disabled' } });
  const { usage } = await client().messages.create(asked);
  assert.equal(count.input_tokens, usage.input_tokens + usage.cache_read_input_tokens);
});

test('errors have classes of their own', async () => {
  await assert.rejects(client().messages.create({ ...asked, messages: [] }), Anthropic.BadRequestError);
  await assert.rejects(client(wrongKey).messages.create(asked), Anthropic.AuthenticationError);
  if (slowKey)
    await assert.rejects(async () => {
      await client(slowKey).messages.create(asked);
      await client(slowKey).messages.create(asked);
    }, Anthropic.RateLimitError);
});
