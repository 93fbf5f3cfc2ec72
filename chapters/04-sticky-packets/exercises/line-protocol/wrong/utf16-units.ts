import { createServer } from 'node:net'

createServer({ allowHalfOpen: true }, socket => {
  let waiting = ''
  socket.setEncoding('utf8').on('data', (text: string) => {
    const lines = (waiting + text).split(/\r?\n/)
    waiting = lines.pop()!
    for (const line of lines) {
      socket.write(`${line.length} ${line.split('').reverse().join('')}\n`)
    }
  })
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
