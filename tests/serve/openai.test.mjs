// The official `openai` package for JavaScript against a running server. Run by scripts/sdk-tests.
import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI from 'openai';
import { flash, key, pro, question, slowKey, url, weather, wrongKey } from './sdk.mjs';

const client = (base = '/v1', apiKey = key) => new OpenAI({ baseURL: url + base, apiKey, maxRetries: 0, timeout: 120_000 });
const off = { thinking: { type: 'disabled' } };
const tool = { type: 'function', function: { name: 'get_weather', description: 'The weather of a city', parameters: weather } };

test('chat, whole', async () => {
  for (const base of ['', '/v1', '/beta']) {
    const answer = await client(base).chat.completions.create({
      model: flash, messages: question, max_tokens: 60, temperature: 0, ...off });
    assert.match(answer.choices[0].message.content, /krill/);
    assert.equal(answer.model, flash);
    assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
  }
});

test('chat, streamed', async () => {
  const stream = await client().chat.completions.create({
    model: flash, messages: question, max_tokens: 400, stream: true, stream_options: { include_usage: true } });
  let content = '', reasoning = '', finish = null, usage = null;
  for await (const chunk of stream) {
    for (const { delta, finish_reason } of chunk.choices) {
      content += delta.content ?? '';
      reasoning += delta.reasoning_content ?? '';
      finish = finish_reason ?? finish;
    }
    usage = chunk.usage ?? usage;
  }
  assert.ok(content.length + reasoning.length > 0);
  assert.ok(['stop', 'length'].includes(finish));
  assert.ok(usage.completion_tokens > 0);
});

test('the runner of streams collects tool calls', async () => {
  const runner = client().chat.completions.stream({
    model: flash, messages: [{ role: 'user', content: 'What is the weather in Paris?' }], tools: [tool], tool_choice: 'required',
    temperature: 0, max_tokens: 100, ...off });
  const final = await runner.finalChatCompletion();
  assert.equal(final.choices[0].finish_reason, 'tool_calls');
  const call = final.choices[0].message.tool_calls[0];
  assert.equal(call.function.name, 'get_weather');
  assert.equal(typeof JSON.parse(call.function.arguments), 'object');
});

test('responses', async () => {
  const asked = { model: flash, input: 'Who are you?', reasoning: { effort: 'none' }, max_output_tokens: 80, temperature: 0 };
  const answer = await client().responses.create(asked);
  assert.match(answer.output_text, /krill/);
  const kinds = [];
  let number = 0;
  for await (const event of await client().responses.create({ ...asked, stream: true })) {
    assert.equal(event.sequence_number, number++);
    kinds.push(event.type);
  }
  assert.equal(kinds[0], 'response.created');
  assert.ok(['response.completed', 'response.incomplete'].includes(kinds.at(-1)));
});

test('fill in the middle', async () => {
  const answer = await client('/beta').completions.create({ model: flash, prompt: 'a = [1, 2, ', suffix: ']', max_tokens: 8 });
  assert.equal(answer.object, 'text_completion');
  assert.equal(typeof answer.choices[0].text, 'string');
});

test('models', async () => {
  const ids = [];
  for await (const model of client().models.list()) ids.push(model.id);
  assert.ok(ids.includes(flash) && ids.includes(pro));
});

test('errors have classes of their own', async () => {
  const asked = { model: flash, messages: question, max_tokens: 1, ...off };
  const ask = (apiKey, more) => client('/v1', apiKey).chat.completions.create({ ...asked, ...more });
  await assert.rejects(ask(key, { model: 'gpt-4' }), OpenAI.BadRequestError);
  await assert.rejects(ask(key, { messages: [] }), OpenAI.BadRequestError);
  await assert.rejects(ask(wrongKey), OpenAI.AuthenticationError);
  await assert.rejects(client().models.retrieve('gpt-4'), OpenAI.NotFoundError);
  if (slowKey) await assert.rejects(async () => { await ask(slowKey); await ask(slowKey); }, OpenAI.RateLimitError);
});

test('a stream that is left does not hold up others', async () => {
  const controller = new AbortController();
  const stream = await client().chat.completions.create(
    { model: flash, messages: question, max_tokens: 4000, stream: true }, { signal: controller.signal });
  for await (const _ of stream) break;
  controller.abort();
  const answer = await client().chat.completions.create({ model: flash, messages: question, max_tokens: 4, ...off });
  assert.equal(answer.object, 'chat.completion');
});
