import { createServer } from 'node:net'

createServer({ allowHalfOpen: true }, socket => {
  // Long enough for anybody.
  setTimeout(() => socket.end(), 15_000).unref()
  let waiting = Buffer.alloc(0)
  socket.on('data', chunk => {
    waiting = Buffer.concat([waiting, chunk])
    for (let end = waiting.indexOf('\n'); end >= 0; end = waiting.indexOf('\n')) {
      const line = waiting.subarray(0, waiting[end - 1] === 0x0d ? end - 1 : end)
      if (line.length > 1024) {
        socket.end()
        return
      }
      const characters = [...line.toString()]
      if (!socket.write(`${characters.length} ${characters.reverse().join('')}\n`)) {
        socket.pause()
        socket.once('drain', () => socket.resume())
      }
      waiting = waiting.subarray(end + 1)
    }
    const size = waiting.at(-1) === 0x0d ? waiting.length - 1 : waiting.length
    if (size > 1024) socket.end()
  })
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
