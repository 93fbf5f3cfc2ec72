import { createServer } from 'node:net'

const LIMIT = 64 * 1024
const end = (status: string) =>
  `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`

createServer({ allowHalfOpen: true }, socket => {
  let text = ''
  socket.setEncoding('latin1')
  socket.on('data', chunk => {
    text += chunk
    while (!socket.writableEnded) {
      const headEnd = text.indexOf('\r\n\r\n')
      if (headEnd < 0 && text.length > LIMIT) socket.end(end('431 Too Large'))
      if (headEnd < 0) return
      const [start = '', ...lines] = text.slice(0, headEnd).split('\r\n')
      const fields = lines.map(line => line.toLowerCase().split(/: */))
      const { connection = '', 'content-length': value = '0' } = Object.fromEntries(fields)
      const announced = value.trim()
      if (!/^\d+$/.test(announced)) {
        socket.end(end('400 Bad Request'))
        return
      }
      const length = Number(announced)
      if (text.length < headEnd + 4 + length) return
      text = text.slice(headEnd + 4 + length)
      const [method, target, version] = start.split(' ')
      const words = connection.split(/ *, */)
      const kept =
        !words.includes('close') && (version === 'HTTP/1.1' || words.includes('keep-alive'))
      const line = `${method} ${target} ${length}\n`
      const head = `Connection: ${kept ? 'keep-alive' : 'close'}\r\nContent-Length: ${line.length}`
      socket.write(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n${line}`)
      if (!kept) socket.end()
    }
  })
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
