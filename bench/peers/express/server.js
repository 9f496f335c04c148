// Express with the official SDK's middleware, built the way its examples are: answer inside the request.
const express = require('express');
const line = require('@line/bot-sdk');

const env = process.env;

// The SDK drops the path of its baseURL, and the sandbox's LINE lives below one.
const plainFetch = globalThis.fetch;
const dropped = `${new URL(env.LINE_API_URL).origin}/v2/`;
globalThis.fetch = (url, options) =>
  plainFetch(String(url).replace(dropped, `${env.LINE_API_URL}/v2/`), options);

const client = new line.messagingApi.MessagingApiClient({
  channelAccessToken: env.LINE_CHANNEL_ACCESS_TOKEN,
  baseURL: env.LINE_API_URL,
});
const app = express();

app.get('/', (req, res) => res.send('OK'));

app.post('/callback', line.middleware({ channelSecret: env.LINE_CHANNEL_SECRET }), (req, res) => {
  Promise.all(req.body.events.map(answer))
    .then(() => res.send('OK'))
    .catch((error) => res.status(500).send(String(error)));
});

async function answer(event) {
  const response = await fetch(`${env.MANTAGO_API_URL}/openapi/client/gift?botId=${env.MANTAGO_BOT_ID}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${env.MANTAGO_TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      secret: env.MANTAGO_SECRET,
      platform: 'line',
      platformClientId: event.source.userId,
    }),
  });
  const gifts = await response.json();
  return client.replyMessage({
    replyToken: event.replyToken,
    messages: [{ type: 'text', text: `${gifts.virtualGifts.length} gifts` }],
  });
}

app.listen(Number(env.PORT), '127.0.0.1');
