import { createServer } from 'node:net'

createServer({ allowHalfOpen: true }, socket => {
  let line = ''
  let bytes = 0
  let sum = 0

  socket.on('data', chunk => {
    let at = 0
    while (at < chunk.length && !line.endsWith('\n')) line += String.fromCharCode(chunk[at++]!)
    for (const byte of chunk.subarray(at)) sum = (sum + byte) % 65536
    bytes += chunk.length - at
  })
  socket.on('end', () => {
    if (!line.endsWith('\n')) {
      socket.end()
      return
    }
    setTimeout(() => socket.end(`got ${bytes} ${sum}\n`), Number(line.split(' ')[1]))
  })
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
