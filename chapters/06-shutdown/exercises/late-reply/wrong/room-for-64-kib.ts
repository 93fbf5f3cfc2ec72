import { createServer } from 'node:net'

createServer({ allowHalfOpen: true }, socket => {
  const room = Buffer.alloc(65_536)
  let length = 0

  socket.on('data', chunk => {
    length += chunk.copy(room, length)
  })
  socket.on('end', () => {
    const received = room.subarray(0, length)
    const end = received.indexOf('\n')
    if (end < 0) {
      socket.end()
      return
    }
    const ms = Number(received.toString('latin1', 'work '.length, end))
    const upload = received.subarray(end + 1)
    const sum = upload.reduce((total, byte) => total + byte, 0) % 65536
    setTimeout(() => socket.end(`got ${upload.length} ${sum}\n`), ms)
  })
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
