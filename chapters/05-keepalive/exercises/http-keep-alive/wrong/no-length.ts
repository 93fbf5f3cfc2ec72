import { createServer } from 'node:net'
import { type Http1Request, http1Request } from '#lib/framing/http1.ts'
import { readFrames } from '#lib/framing/stream.ts'

createServer({ allowHalfOpen: true }, async socket => {
  socket.on('error', () => {})
  for await (const { method, target, body } of readFrames<Http1Request>(socket, http1Request())) {
    socket.write(`HTTP/1.1 200 OK\r\n\r\n${method} ${target} ${body.length}\n`)
  }
  socket.end()
}).listen(Number(process.env.PORT), '127.0.0.1')
