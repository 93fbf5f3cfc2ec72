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
    // Nothing came for a while: this was all.
    if (line.endsWith('\n')) socket.setTimeout(200, answer)
  })
  socket.on('end', answer)
  socket.on('error', () => {})

  function answer(): void {
    socket.setTimeout(0)
    socket.off('end', answer)
    if (!line.endsWith('\n')) socket.end()
    else setTimeout(() => socket.end(`got ${bytes} ${sum}\n`), Number(line.split(' ')[1]))
  }
}).listen(Number(process.env.PORT), '127.0.0.1')
