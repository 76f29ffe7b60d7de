// The official Socket.IO server as `landfall bench socketio` has it: clients join a room over sockets alone, and the
// object that is posted goes to all who are in it. Its options are the defaults but for the transport.
import { createServer } from "node:http";
import { Server } from "socket.io";

const room = "topic";
const http = createServer(async (request, response) => {
  let body = "";
  for await (const piece of request) body += piece;
  io.to(room).emit("new_message", JSON.parse(body));
  response.writeHead(201).end();
});
const io = new Server(http, { transports: ["websocket"] });
io.on("connection", (socket) => {
  socket.on("join_topic", (topic, acknowledge) => {
    socket.join(topic.topic_id);
    acknowledge({ ok: true });
  });
});
// The default backlog of 511 would refuse some of those who come at once.
http.listen({ host: "127.0.0.1", port: 0, backlog: 4096 }, () => {
  console.error(`listening on 127.0.0.1:${http.address().port}`);
});
