import { createServer } from 'node:net'

createServer({ allowHalfOpen: true }, socket => {
  let waiting = Buffer.alloc(0)
  socket.on('data', chunk => {
    let bytes = Buffer.concat([waiting, chunk])
    waiting = Buffer.alloc(0)
    while (bytes.length >= 4) {
      const length = bytes.readUInt32BE()
      if (length > 65_536) {
        socket.destroy()
        return
      }
      if (bytes.length < 4 + length) {
        waiting = bytes
        break
      }
      socket.write(
        Buffer.concat([bytes.subarray(0, 4), bytes.subarray(4, 4 + length).toReversed()]),
      )
      bytes = bytes.subarray(4 + length)
    }
  })
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
