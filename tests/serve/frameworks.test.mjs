// Frameworks that bring a DeepSeek client of their own: the Vercel AI SDK and LangChain. Run by scripts/sdk-tests.
import { createDeepSeek } from '@ai-sdk/deepseek';
import { HumanMessage } from '@langchain/core/messages';
import { tool as langchainTool } from '@langchain/core/tools';
import { ChatDeepSeek } from '@langchain/deepseek';
import { generateText, streamText, tool } from 'ai';
import assert from 'node:assert/strict';
import test from 'node:test';
import { z } from 'zod';
import { flash, key, url, wrongKey } from './sdk.mjs';

const deepseek = createDeepSeek({ baseURL: url, apiKey: key });
const off = { providerOptions: { deepseek: { thinking: { type: 'disabled' } } } };
const city = z.object({ city: z.string().describe('Name of the city') });

test('@ai-sdk/deepseek: generateText', async () => {
  const answer = await generateText({
    model: deepseek(flash), prompt: 'Who are you?', temperature: 0, maxOutputTokens: 60, maxRetries: 0, ...off });
  assert.match(answer.text, /krill/);
  assert.ok(answer.usage.outputTokens > 0);
  assert.ok('promptCacheHitTokens' in answer.providerMetadata.deepseek);
});

test('@ai-sdk/deepseek: streamText with reasoning', async () => {
  const stream = streamText({ model: deepseek(flash), prompt: 'Who are you?', maxOutputTokens: 400, maxRetries: 0 });
  const kinds = new Set();
  for await (const part of stream.fullStream) kinds.add(part.type);
  assert.ok(kinds.has('reasoning-delta') || kinds.has('text-delta'), [...kinds].join());
  assert.ok(kinds.has('finish'));
  assert.ok(!kinds.has('error'));
});

test('@ai-sdk/deepseek: a forced tool', async () => {
  const answer = await generateText({
    model: deepseek(flash), prompt: 'What is the weather in Paris?', temperature: 0, maxOutputTokens: 100, maxRetries: 0,
    toolChoice: 'required',
    tools: { get_weather: tool({ description: 'The weather of a city', inputSchema: city }) }, ...off });
  assert.equal(answer.finishReason, 'tool-calls');
  assert.equal(answer.toolCalls[0].toolName, 'get_weather');
});

test('@ai-sdk/deepseek: errors carry the status', async () => {
  const wrong = createDeepSeek({ baseURL: url, apiKey: wrongKey });
  await assert.rejects(generateText({ model: wrong(flash), prompt: 'x', maxRetries: 0 }), (error) => error.statusCode === 401);
});

const langchain = (more = {}) => new ChatDeepSeek({
  model: flash, apiKey: key, temperature: 0, maxTokens: 60, maxRetries: 0, configuration: { baseURL: url },
  modelKwargs: { thinking: { type: 'disabled' } }, ...more });

test('@langchain/deepseek: invoke and stream', async () => {
  const answer = await langchain().invoke([new HumanMessage('Who are you?')]);
  assert.match(answer.text, /krill/);
  let text = '';
  for await (const chunk of await langchain().stream([new HumanMessage('Who are you?')])) text += chunk.text;
  assert.match(text, /krill/);
});

test('@langchain/deepseek: reasoning', async () => {
  const answer = await langchain({ maxTokens: 400, modelKwargs: {} }).invoke([new HumanMessage('Who are you?')]);
  assert.ok('reasoning_content' in answer.additional_kwargs);
});

test('@langchain/deepseek: tools, and a turn that drops its reasoning', async () => {
  const weather = langchainTool(() => 'sunny', { name: 'get_weather', description: 'The weather of a city', schema: city });
  const bound = langchain({ maxTokens: 100 }).bindTools([weather], { tool_choice: 'get_weather' });
  const answer = await bound.invoke([new HumanMessage('What is the weather in Paris?')]);
  assert.equal(answer.tool_calls[0].name, 'get_weather');
  const result = await weather.invoke(answer.tool_calls[0]);
  const thinking = langchain({ maxTokens: 200, modelKwargs: {} }).bindTools([weather]);
  const next = await thinking.invoke([new HumanMessage('What is the weather in Paris?'), answer, result]);
  assert.ok(next.response_metadata.finish_reason !== undefined || next.response_metadata.usage !== undefined);
});
