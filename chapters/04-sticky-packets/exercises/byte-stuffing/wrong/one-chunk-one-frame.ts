import { createServer } from 'node:net'

createServer({ allowHalfOpen: true }, socket => {
  socket.on('data', chunk => {
    const payload: number[] = []
    for (let at = 0; at < chunk.length - 1; at++) {
      if (chunk[at] === 0xdb) payload.push(chunk[++at] === 0xdc ? 0xc0 : 0xdb)
      else payload.push(chunk[at]!)
    }
    const wire = payload.reverse().flatMap(byte => {
      if (byte === 0xc0) return [0xdb, 0xdc]
      return byte === 0xdb ? [0xdb, 0xdd] : [byte]
    })
    socket.write(Buffer.from([...wire, 0xc0]))
  })
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
