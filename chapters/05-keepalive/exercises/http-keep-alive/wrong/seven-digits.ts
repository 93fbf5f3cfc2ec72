import { createServer } from 'node:net'

const MAX_HEAD = 65_536
const MAX_BODY = 2 ** 20

createServer({ allowHalfOpen: true }, socket => {
  let text = ''
  let over = false
  const finish = (answer = '') => {
    over = true
    socket.end(answer, 'latin1')
  }
  const refuse = (status: number) =>
    finish(`HTTP/1.1 ${status} No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
  socket.setEncoding('latin1')
  socket.on('error', () => {})
  socket.on('end', () => over || finish())
  socket.on('data', chunk => {
    if (over) return
    text += chunk
    while (!over) {
      const end = text.indexOf('\r\n\r\n')
      if (end < 0 ? text.length >= MAX_HEAD : end + 4 > MAX_HEAD) return refuse(431)
      if (end < 0) return
      const [start = '', ...lines] = text.slice(0, end).split('\r\n')
      const words: string[] = []
      let announced = '0'
      for (const line of lines) {
        const colon = line.indexOf(':')
        const name = line.slice(0, colon).toLowerCase()
        const value = line.slice(colon + 1).replaceAll(/^[ \t]+|[ \t]+$/g, '')
        if (name === 'content-length') announced = value
        if (name === 'connection') words.push(...value.toLowerCase().split(/[ \t]*,[ \t]*/))
      }
      const [, method, target, minor] = /^([!-~]+) (\/[!-~]*) HTTP\/1\.([01])$/.exec(start) ?? []
      if (minor === undefined || !/^[0-9]+$/.test(announced)) return refuse(400)
      const length = Number(announced)
      if (length > MAX_BODY || announced.length > 7) return refuse(413)
      if (text.length < end + 4 + length) return
      text = text.slice(end + 4 + length)
      const kept = !words.includes('close') && (minor === '1' || words.includes('keep-alive'))
      const body = `${method} ${target} ${length}\n`
      const connection = `Connection: ${kept ? 'keep-alive' : 'close'}`
      const answer = `HTTP/1.1 200 OK\r\n${connection}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
      if (kept) socket.write(answer, 'latin1')
      else finish(answer)
    }
  })
}).listen(Number(process.env.PORT), '127.0.0.1')
