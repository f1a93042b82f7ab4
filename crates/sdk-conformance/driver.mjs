// Does with the official Node SDK what the lines on its input say.
//
// One JSON object a line in, one a line out; the first line out says which SDK
// this is. Only what is asked for is done: the test decides what is right.

import assert from "node:assert";
import { Console } from "node:console";
import crypto from "node:crypto";
import http from "node:http";
import { createRequire } from "node:module";
import readline from "node:readline";

// The SDK logs to the standard output, which here is for answers only.
globalThis.console = new Console(process.stderr);

// The SDK stands where the test has installed it, not beside this file.
const require = createRequire(`${process.argv[2]}/`);
const lark = require("@larksuiteoapi/node-sdk");
const { version } = require("@larksuiteoapi/node-sdk/package.json");

const loggerLevel = lark.LoggerLevel.trace;

// Endpoint -> the client's method.
const typed = {
  ListScopes: (client) => client.application.v6.scope.list,
  GetChat: (client) => client.im.v1.chat.get,
  IsInChat: (client) => client.im.v1.chatMembers.isInChat,
  ListMembers: (client) => client.im.v1.chatMembers.get,
  PutTopNotice: (client) => client.im.v1.chatTopNotice.putTopNotice,
  DeleteTopNotice: (client) => client.im.v1.chatTopNotice.deleteTopNotice,
  GetDocAnnouncement: (client) => client.im.v1.chatAnnouncement.get,
  PatchDocAnnouncement: (client) => client.im.v1.chatAnnouncement.patch,
  GetDocxAnnouncement: (client) => client.docx.v1.chatAnnouncement.get,
  ListBlocks: (client) => client.docx.v1.chatAnnouncementBlock.list,
  GetBlock: (client) => client.docx.v1.chatAnnouncementBlock.get,
  ListChildren: (client) => client.docx.v1.chatAnnouncementBlockChildren.get,
  CreateChildren: (client) => client.docx.v1.chatAnnouncementBlockChildren.create,
  UpdateBlocks: (client) => client.docx.v1.chatAnnouncementBlock.batchUpdate,
  DeleteChildren: (client) => client.docx.v1.chatAnnouncementBlockChildren.batchDelete,
  GetMessage: (client) => client.im.v1.message.get,
  CreateMessage: (client) => client.im.v1.message.create,
  ReplyMessage: (client) => client.im.v1.message.reply,
  AddReaction: (client) => client.im.v1.messageReaction.create,
  DeleteReaction: (client) => client.im.v1.messageReaction.delete,
};

// What handlers were given, in order.
const seen = [];
let client;
let ended;
// The result of creating an app.
let registered;

// The SDK creates apps over TLS only, which the simulator does not speak.
lark.defaultHttpInstance.interceptors.request.use((request) => {
  request.url = request.url?.replace(/^https:\/\/127\.0\.0\.1/, "http://127.0.0.1");
  return request;
});

function dispatcher({ encrypt_key, verification_token }) {
  const dispatcher = new lark.EventDispatcher({
    encryptKey: encrypt_key ?? undefined,
    verificationToken: verification_token,
    loggerLevel,
  });
  return dispatcher.register({
    "im.message.receive_v1": async (data) => {
      const { text } = JSON.parse(data.message.content);
      seen.push({ event_id: data.event_id, text });
      if (text === "fail") {
        throw new Error("the handler fails");
      }
    },
    "card.action.trigger": async (data) => {
      seen.push({ event_id: data.event_id, value: data.action.value });
      return { toast: { type: "info", content: "seen" } };
    },
  });
}

const orders = {
  // A client of the REST interface.
  async login({ app_id, app_secret, base_url, store_app }) {
    const appType = store_app ? lark.AppType.ISV : lark.AppType.SelfBuild;
    client = new lark.Client({
      appId: app_id,
      appSecret: app_secret,
      appType,
      domain: base_url,
      oauthBaseUrl: base_url,
      loggerLevel,
    });
    return {};
  },

  // Asks for a ticket of a store app, which comes as an event.
  async resend_ticket({ app_id, app_secret }) {
    const { code } = await client.auth.v3.appTicket.resend({ data: { app_id, app_secret } });
    return { code };
  },

  // Exchanges the code of a member, or renews the member's token.
  async exchange({ code, redirect_uri, code_verifier, refresh_token }) {
    const { accessToken } = client;
    const code_of = { code, redirectUri: redirect_uri, codeVerifier: code_verifier };
    try {
      const tokens = refresh_token
        ? await accessToken.refresh({ refreshToken: refresh_token })
        : await accessToken.retrieveByAuthorizationCode(code_of);
      return {
        access_token: tokens.accessToken,
        expires_in: tokens.expiresIn,
        refresh_token: tokens.refreshToken,
        refresh_token_expires_in: tokens.refreshTokenExpiresIn,
        scope: tokens.scope,
      };
    } catch (error) {
      if (error.name !== "AccessTokenError") {
        throw error;
      }
      return { code: error.code, refusal: error.error };
    }
  },

  // Starts to create an app; answers the link for the person who confirms.
  async register({ base_url, addons, create_only, app_id }) {
    const domain = base_url.replace("http://", "");
    return new Promise((begun, failed) => {
      registered = lark
        .registerApp({
          domain,
          larkDomain: `${domain}/lark`,
          source: "test",
          addons: addons ?? undefined,
          createOnly: create_only,
          appId: app_id ?? undefined,
          onQRCodeReady: ({ url, expireIn }) => begun({ url, life: expireIn }),
        })
        .catch((error) => {
          failed(error);
          return { refusal: error.code };
        });
    });
  },

  // Answers id and secret of the app, or why there is none.
  async wait_for_the_app() {
    return registered;
  },

  // One call, typed where the SDK has a method for it.
  async call({ endpoint, method, uri, path, query, body, tenant_key, user_access_token }) {
    const known = typed[endpoint];
    const options = user_access_token
      ? lark.withUserAccessToken(user_access_token)
      : tenant_key && lark.withTenantKey(tenant_key);
    const url = uri.replace(/:([a-z_]+)/g, (_, name) => encodeURIComponent(path[name]));
    try {
      const answer = known
        ? await known(client)({ path, params: query, data: body ?? undefined }, options)
        : await client.request({ method, url, params: query, data: body ?? undefined });
      return { typed: Boolean(known), answer };
    } catch (error) {
      // Refusals are thrown, with the answer in them.
      if (!error.response) {
        throw error;
      }
      return { typed: Boolean(known), answer: error.response.data };
    }
  },

  // Downloads a picture of a message, and uploads it into a block.
  async copy_file({ message, key, block, chat }) {
    const path = { message_id: message, file_key: key };
    const resource = await client.im.v1.messageResource.get({ path, params: { type: "image" } });
    const file = Buffer.concat(await resource.getReadableStream().toArray());
    const answer = await client.drive.v1.media.uploadAll({
      data: {
        file_name: "图片.png",
        parent_type: "docx_image",
        parent_node: block,
        size: file.length,
        extra: JSON.stringify({ drive_route_token: chat }),
        file,
      },
    });
    return { code: 0, file_token: answer.file_token };
  },

  // A webhook; answers its URL.
  async serve(ask) {
    const path = "/webhook/event";
    const adapted = lark.adaptDefault(path, dispatcher(ask), { autoChallenge: true });
    const server = http.createServer(async (request, response) => {
      try {
        await adapted(request, response);
      } catch (error) {
        // What the SDK throws is left to the program around it.
        console.error(error);
        response.writeHead(500).end("thrown");
      }
    });
    await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
    return { url: `http://127.0.0.1:${server.address().port}${path}` };
  },

  // A long connection; returns before it stands.
  async connect(ask) {
    const { app_id, app_secret, base_url } = ask;
    ended = new Promise((end) => {
      const onError = () => end({});
      const settings = { appId: app_id, appSecret: app_secret, domain: base_url, loggerLevel, onError };
      new lark.WSClient(settings).start({ eventDispatcher: dispatcher(ask) });
    });
    return {};
  },

  // Answers when the client of the long connection has given up.
  async wait_for_the_end() {
    return ended;
  },

  // Encrypts and signs an event and posts it to somebody's webhook.
  async push({ url, encrypt_key, envelope, sign }) {
    const text = JSON.stringify(envelope);
    const aes = new lark.AESCipher(encrypt_key);
    const iv = crypto.randomBytes(16);
    const cipher = crypto.createCipheriv("aes-256-cbc", aes.key, iv);
    const sealed = Buffer.concat([iv, cipher.update(text), cipher.final()]).toString("base64");
    assert.strictEqual(aes.decrypt(sealed), text);
    const body = JSON.stringify({ encrypt: sealed });
    const headers = { "Content-Type": "application/json; charset=utf-8" };
    if (sign) {
      const timestamp = String(Math.floor(Date.now() / 1000));
      const nonce = String(crypto.randomInt(2 ** 32));
      const digest = crypto.createHash("sha256").update(timestamp + nonce + encrypt_key + body);
      headers["X-Lark-Request-Timestamp"] = timestamp;
      headers["X-Lark-Request-Nonce"] = nonce;
      headers["X-Lark-Signature"] = digest.digest("hex");
    }
    const response = await fetch(url, { method: "POST", headers, body });
    return { status: response.status, body: await response.text() };
  },

  async tell() {
    return { seen };
  },
};

function say(answer) {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

say({ name: "@larksuiteoapi/node-sdk", version, runtime: `Node ${process.version}` });
for await (const line of readline.createInterface({ input: process.stdin })) {
  const ask = JSON.parse(line);
  try {
    say(await orders[ask.do](ask));
  } catch (error) {
    say({ error: String(error) });
  }
}
process.exit();
