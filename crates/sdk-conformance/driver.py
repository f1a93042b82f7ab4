"""Does with the official Python SDK what the lines on its input say.

One JSON object a line in, one a line out; the first line out says which SDK
this is. Only what is asked for is done: the test decides what is right.
"""

import base64
import hashlib
import http.server
import importlib.metadata
import io
import json
import os
import platform
import queue
import sys
import threading
import time

# The SDK logs to the standard output, which here is for answers only.
answers, sys.stdout = sys.stdout, sys.stderr

import lark_oapi as lark
import requests
from Crypto.Cipher import AES
from Crypto.Util.Padding import pad
from lark_oapi.api.application import v6 as application
from lark_oapi.api.auth import v3 as auth
from lark_oapi.api.docx import v1 as docx
from lark_oapi.api.drive import v1 as drive
from lark_oapi.api.im import v1 as im
from lark_oapi.core.exception import AccessTokenException, ObtainAccessTokenException
from lark_oapi.core.utils import AESCipher
from lark_oapi.event.callback.model.p2_card_action_trigger import (
    P2CardActionTriggerResponse,
)
from lark_oapi.scene.registration.errors import RegisterAppError

# Endpoint -> (method of the client, its request, the request's body).
TYPED = {
    "ListScopes": ("application.v6.scope.list", application.ListScopeRequest, None),
    "GetChat": ("im.v1.chat.get", im.GetChatRequest, None),
    "IsInChat": ("im.v1.chat_members.is_in_chat", im.IsInChatChatMembersRequest, None),
    "ListMembers": ("im.v1.chat_members.get", im.GetChatMembersRequest, None),
    "PutTopNotice": (
        "im.v1.chat_top_notice.put_top_notice",
        im.PutTopNoticeChatTopNoticeRequest,
        im.PutTopNoticeChatTopNoticeRequestBody,
    ),
    "DeleteTopNotice": (
        "im.v1.chat_top_notice.delete_top_notice",
        im.DeleteTopNoticeChatTopNoticeRequest,
        None,
    ),
    "GetDocAnnouncement": (
        "im.v1.chat_announcement.get",
        im.GetChatAnnouncementRequest,
        None,
    ),
    "PatchDocAnnouncement": (
        "im.v1.chat_announcement.patch",
        im.PatchChatAnnouncementRequest,
        im.PatchChatAnnouncementRequestBody,
    ),
    "GetDocxAnnouncement": (
        "docx.v1.chat_announcement.get",
        docx.GetChatAnnouncementRequest,
        None,
    ),
    "ListBlocks": (
        "docx.v1.chat_announcement_block.list",
        docx.ListChatAnnouncementBlockRequest,
        None,
    ),
    "GetBlock": (
        "docx.v1.chat_announcement_block.get",
        docx.GetChatAnnouncementBlockRequest,
        None,
    ),
    "ListChildren": (
        "docx.v1.chat_announcement_block_children.get",
        docx.GetChatAnnouncementBlockChildrenRequest,
        None,
    ),
    "CreateChildren": (
        "docx.v1.chat_announcement_block_children.create",
        docx.CreateChatAnnouncementBlockChildrenRequest,
        docx.CreateChatAnnouncementBlockChildrenRequestBody,
    ),
    "UpdateBlocks": (
        "docx.v1.chat_announcement_block.batch_update",
        docx.BatchUpdateChatAnnouncementBlockRequest,
        docx.BatchUpdateChatAnnouncementBlockRequestBody,
    ),
    "DeleteChildren": (
        "docx.v1.chat_announcement_block_children.batch_delete",
        docx.BatchDeleteChatAnnouncementBlockChildrenRequest,
        docx.BatchDeleteChatAnnouncementBlockChildrenRequestBody,
    ),
    "GetMessage": ("im.v1.message.get", im.GetMessageRequest, None),
    "CreateMessage": (
        "im.v1.message.create",
        im.CreateMessageRequest,
        im.CreateMessageRequestBody,
    ),
    "ReplyMessage": (
        "im.v1.message.reply",
        im.ReplyMessageRequest,
        im.ReplyMessageRequestBody,
    ),
    "AddReaction": (
        "im.v1.message_reaction.create",
        im.CreateMessageReactionRequest,
        im.CreateMessageReactionRequestBody,
    ),
    "DeleteReaction": (
        "im.v1.message_reaction.delete",
        im.DeleteMessageReactionRequest,
        None,
    ),
}


class Driver:
    def __init__(self):
        # What handlers were given, in order.
        self.seen = []
        self.client = None
        self.ended = None
        # Of a store app. The SDK keeps none, so the program has to.
        self.ticket = None
        # The result of creating an app.
        self.registered = None

    def login(self, ask):
        """A client of the REST interface."""
        builder = lark.Client.builder().app_id(ask["app_id"])
        builder = builder.app_secret(ask["app_secret"]).domain(ask["base_url"])
        builder = builder.oauth_base_url(ask["base_url"])
        if ask.get("store_app"):
            builder = builder.app_type(lark.AppType.ISV)
        builder = builder.enable_set_token(ask.get("set_token", False))
        self.client = builder.log_level(lark.LogLevel.DEBUG).build()
        return {}

    def resend_ticket(self, ask):
        """Asks for a ticket of a store app, which comes as an event."""
        body = auth.ResendAppTicketRequestBody.builder().app_id(ask["app_id"])
        body = body.app_secret(ask["app_secret"]).build()
        request = auth.ResendAppTicketRequest.builder().request_body(body).build()
        return {"code": self.client.auth.v3.app_ticket.resend(request).code}

    def exchange(self, ask):
        """Exchanges the code of a member, or renews the member's token."""
        client = self.client.access_token
        try:
            if "refresh_token" in ask:
                tokens = client.refresh(ask["refresh_token"])
            else:
                tokens = client.retrieve_by_authorization_code(
                    ask["code"], ask["redirect_uri"], ask["code_verifier"]
                )
        except AccessTokenException as error:
            return {"code": error.code, "refusal": error.error}
        names = ["access_token", "expires_in", "refresh_token", "refresh_token_expires_in", "scope"]
        return {name: getattr(tokens, name) for name in names}

    def register(self, ask):
        """Starts to create an app; answers the link for the person who confirms."""
        self.registered = queue.Queue()
        link = queue.Queue()

        def run():
            try:
                result = lark.register_app(
                    on_qr_code=lambda info: link.put(info),
                    domain=ask["base_url"],
                    lark_domain=ask["base_url"] + "/lark",
                    source="test",
                    addons=ask["addons"],
                    create_only=ask["create_only"],
                    app_id=ask["app_id"],
                )
            except RegisterAppError as error:
                result = {"refusal": error.code}
            self.registered.put(result)

        threading.Thread(target=run, daemon=True).start()
        info = link.get()
        return {"url": info["url"], "life": info["expire_in"]}

    def wait_for_the_app(self, _):
        """Answers id and secret of the app, or why there is none."""
        return self.registered.get()

    def call(self, ask):
        """One call, typed where the SDK has a method for it."""
        typed = TYPED.get(ask["endpoint"])
        if typed is None:
            return {"typed": False, "answer": self.raw(ask)}
        path, request, body = typed
        method = self.client
        for name in path.split("."):
            method = getattr(method, name)
        builder = request.builder()
        for name, value in {**ask["path"], **ask["query"]}.items():
            builder = getattr(builder, name)(value)
        if body is not None:
            builder = builder.request_body(body(ask["body"]))
        option = None
        if "user_access_token" in ask:
            option = lark.RequestOption.builder()
            option = option.user_access_token(ask["user_access_token"]).build()
        elif "tenant_key" in ask:
            option = lark.RequestOption.builder().tenant_key(ask["tenant_key"])
            option = option.app_ticket(self.ticket).build()
        try:
            response = method(builder.build(), option)
        except ObtainAccessTokenException as error:
            return {"typed": True, "answer": {"code": error.code, "msg": error.msg}}
        data = lark.JSON.marshal(response.data) if hasattr(response, "data") else "null"
        answer = {"code": response.code, "msg": response.msg, "data": json.loads(data or "null")}
        return {"typed": True, "answer": answer}

    def copy_file(self, ask):
        """Downloads a picture of a message, and uploads it into a block."""
        request = im.GetMessageResourceRequest.builder().message_id(ask["message"])
        request = request.file_key(ask["key"]).type("image").build()
        content = self.client.im.v1.message_resource.get(request).file.read()
        body = drive.UploadAllMediaRequestBody.builder().file_name("图片.png")
        body = body.parent_type("docx_image").parent_node(ask["block"]).size(len(content))
        body = body.extra(json.dumps({"drive_route_token": ask["chat"]}))
        body = body.file(io.BytesIO(content)).build()
        request = drive.UploadAllMediaRequest.builder().request_body(body).build()
        response = self.client.drive.v1.media.upload_all(request)
        if response.code != 0:
            return {"code": response.code, "msg": response.msg}
        return {"code": response.code, "file_token": response.data.file_token}

    def raw(self, ask):
        builder = lark.BaseRequest.builder().http_method(lark.HttpMethod[ask["method"]])
        builder = builder.uri(ask["uri"]).paths(ask["path"])
        builder = builder.queries(list(ask["query"].items())).body(ask["body"])
        builder = builder.token_types({lark.AccessTokenType.TENANT})
        if ask["body"] is not None:
            builder = builder.headers({"Content-Type": "application/json; charset=utf-8"})
        return json.loads(self.client.request(builder.build()).raw.content)

    def dispatcher(self, ask):
        def message(data):
            text = json.loads(data.event.message.content)["text"]
            self.seen.append({"event_id": data.header.event_id, "text": text})
            if text == "fail":
                raise RuntimeError("the handler fails")

        def card(data):
            value = data.event.action.value
            self.seen.append({"event_id": data.header.event_id, "value": value})
            return P2CardActionTriggerResponse({"toast": {"type": "info", "content": "seen"}})

        builder = lark.EventDispatcherHandler.builder(
            ask["encrypt_key"] or "", ask["verification_token"]
        )
        if ask.get("store_app"):

            def ticket(data):
                self.ticket = data.event["app_ticket"]

            builder = builder.register_p1_customized_event("app_ticket", ticket)
        builder = builder.register_p2_im_message_receive_v1(message)
        return builder.register_p2_card_action_trigger(card).build()

    def serve(self, ask):
        """A webhook; answers its URL."""
        dispatcher = self.dispatcher(ask)

        class Webhook(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                request = lark.RawRequest()
                request.uri = self.path
                # As WSGI servers write the names.
                request.headers = {
                    "-".join(part.capitalize() for part in name.split("-")): value
                    for name, value in self.headers.items()
                }
                request.body = self.rfile.read(int(self.headers["content-length"]))
                response = dispatcher.do(request)
                self.send_response(response.status_code)
                for name, value in response.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(response.content)))
                self.end_headers()
                self.wfile.write(response.content)

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Webhook)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return {"url": f"http://127.0.0.1:{server.server_port}/webhook/event"}

    def connect(self, ask):
        """A long connection; returns before it stands."""
        client = lark.ws.Client(
            ask["app_id"],
            ask["app_secret"],
            log_level=lark.LogLevel.DEBUG,
            event_handler=self.dispatcher(ask),
            domain=ask["base_url"],
        )
        self.ended = threading.Event()

        def run():
            try:
                client.start()
            finally:
                self.ended.set()

        threading.Thread(target=run, daemon=True).start()
        return {}

    def wait_for_the_end(self, _):
        """Answers when the client of the long connection has given up."""
        self.ended.wait()
        return {}

    def push(self, ask):
        """Encrypts and signs an event and posts it to somebody's webhook."""
        envelope = ask["envelope"]
        if "event" in envelope:
            # Through the SDK's own types, so that it is what they write.
            envelope = lark.JSON.marshal(im.P2ImMessageReceiveV1(envelope))
        else:
            envelope = json.dumps(envelope)
        cipher = AESCipher(ask["encrypt_key"])
        iv = os.urandom(AES.block_size)
        padded = pad(envelope.encode(), AES.block_size)
        sealed = iv + AES.new(cipher.digest, AES.MODE_CBC, iv).encrypt(padded)
        sealed = base64.b64encode(sealed).decode()
        assert cipher.decrypt_str(sealed) == envelope
        body = json.dumps({"encrypt": sealed}).encode()
        headers = {"Content-Type": "application/json; charset=utf-8"}
        if ask["sign"]:
            timestamp, nonce = str(int(time.time())), str(int.from_bytes(os.urandom(4), "big"))
            signed = (timestamp + nonce + ask["encrypt_key"]).encode() + body
            headers["X-Lark-Request-Timestamp"] = timestamp
            headers["X-Lark-Request-Nonce"] = nonce
            headers["X-Lark-Signature"] = hashlib.sha256(signed).hexdigest()
        response = requests.post(ask["url"], headers=headers, data=body, timeout=10)
        return {"status": response.status_code, "body": response.text}

    def tell(self, _):
        return {"seen": self.seen}


def say(answer):
    print(json.dumps(answer), file=answers, flush=True)


driver = Driver()
say(
    {
        "name": "lark-oapi",
        "version": importlib.metadata.version("lark-oapi"),
        "runtime": f"Python {platform.python_version()}",
    }
)
for line in sys.stdin:
    ask = json.loads(line)
    try:
        say(getattr(driver, ask["do"])(ask))
    except Exception as error:
        say({"error": f"{type(error).__name__}: {error}"})
