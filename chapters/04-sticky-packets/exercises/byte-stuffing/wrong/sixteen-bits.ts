import { createServer } from 'node:net'

createServer({ allowHalfOpen: true }, socket => {
  let payload: number[] = []
  // How long the payload is, as a field of two bytes has it.
  const length = new Uint16Array(1)
  let escaped = false
  let lost = false
  const keep = (byte: number) => {
    if (payload.length < 1024) payload.push(byte)
    length[0]!++
  }
  const pause = () => {
    socket.pause()
    socket.once('drain', () => socket.resume())
  }
  socket.on('data', chunk => {
    for (const byte of chunk) {
      if (byte === 0xc0) {
        const bytes = payload.slice(0, length[0])
        if (bytes.length > 0 && length[0]! <= 1024 && !escaped && !lost) {
          if (!socket.write(frame(bytes.reverse()))) pause()
        }
        length[0] = 0
        payload = []
        escaped = false
        lost = false
      } else if (escaped) {
        if (byte === 0xdc) keep(0xc0)
        else if (byte === 0xdd) keep(0xdb)
        else lost = true
        escaped = false
      } else if (byte === 0xdb) escaped = true
      else keep(byte)
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
