import { createServer } from 'node:net'

createServer({ allowHalfOpen: true }, socket => {
  let waiting = Buffer.alloc(0)
  // Bytes of payload that have not been sent.
  let queued = 0
  socket.on('data', chunk => {
    waiting = Buffer.concat([waiting, chunk])
    const answers: Uint8Array[] = []
    let at = 0
    let bytes = 0
    while (waiting.length >= at + 4) {
      const length = waiting.readUInt32BE(at)
      if (length > 65_536 || waiting.length < at + 4 + length) break
      const payload = waiting.subarray(at + 4, at + 4 + length)
      answers.push(waiting.subarray(at, at + 4), payload.toReversed())
      at += 4 + length
      bytes += length
    }
    queued += bytes
    socket.write(Buffer.concat(answers), () => {
      queued -= bytes
      if (queued === 0) socket.resume()
    })
    if (queued > 2 ** 18) socket.pause()
    waiting = waiting.subarray(at)
    if (waiting.length >= 4 && waiting.readUInt32BE() > 65_536) socket.end()
  })
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
