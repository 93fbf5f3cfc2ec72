import { createServer } from 'node:net'

/** hello 127.0.0.1 port 65535, and room to spare. */
const LINE_BYTES = 30

createServer(socket => {
  const line = Buffer.alloc(LINE_BYTES)
  const length = line.write(`hello ${socket.remoteAddress} port ${socket.remotePort}\n`)
  socket.end(line.subarray(0, length))
  socket.resume()
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
