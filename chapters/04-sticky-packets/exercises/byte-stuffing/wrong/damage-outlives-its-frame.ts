import { createServer } from 'node:net'

createServer({ allowHalfOpen: true }, socket => {
  let payload: number[] = []
  let escaped = false
  let lost = false
  const pause = () => {
    socket.pause()
    socket.once('drain', () => socket.resume())
  }
  socket.on('data', chunk => {
    for (const byte of chunk) {
      if (byte === 0xc0) {
        if (payload.length > 0 && !escaped && !lost) {
          if (!socket.write(frame(payload.reverse()))) pause()
        }
        escaped = false
        if (payload.length === 0) continue
        payload = []
        lost = false
      } else if (escaped) {
        if (byte === 0xdc) payload.push(0xc0)
        else if (byte === 0xdd) payload.push(0xdb)
        else {
          lost = true
          payload = []
        }
        escaped = false
      } else if (byte === 0xdb) escaped = true
      else payload.push(byte)
      if (payload.length > 1024) {
        lost = true
        payload = []
      }
    }
  })
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')

function frame(payload: number[]): Buffer {
  const wire: number[] = []
  for (const byte of payload) {
    if (byte === 0xc0) wire.push(0xdb, 0xdc)
    else if (byte === 0xdb) wire.push(0xdb, 0xdd)
    else wire.push(byte)
  }
  return Buffer.from([...wire, 0xc0])
}
