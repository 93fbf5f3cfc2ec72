import { createServer } from 'node:net'

createServer({ allowHalfOpen: true }, socket => {
  let waiting = Buffer.alloc(0)
  socket.on('data', chunk => {
    waiting = Buffer.concat([waiting, chunk])
    for (let end = waiting.indexOf('\n'); end >= 0; end = waiting.indexOf('\n')) {
      const line = waiting.subarray(0, waiting[end - 1] === 0x0d ? end - 1 : end)
      const reversed = [...line.toString()].reverse().join('')
      socket.write(`${line.length} ${reversed}\n`)
      waiting = waiting.subarray(end + 1)
    }
  })
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
