/**
 * Half-close: uploads, says that this was all, and waits for the answer.
 *
 *   npm run 06:client
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import {
  exitCannotConnect,
  exitLost,
  exitUnknown,
  noticeWhenSilent,
} from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'

const options = readOptions({
  command: 'npm run 06:client',
  does: 'Uploads three lines twice, ends its side, and shows what comes back.',
  flags: { host, port: { ...port(7060), min: 1 } },
})
const where = endpoint(options.host, options.port)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))

// #region client
for (const mode of ['allowHalfOpen false', 'allowHalfOpen true']) {
  const socket = connect(options.port, options.host)
  await once(socket, 'connect').catch(error => exitCannotConnect(error, where, 'npm run 06:server'))
  socket.on('error', error => exitLost(error, where))
  noticeWhenSilent(socket, where, 'npm run 06:server')
  socket.setEncoding('utf8')
  let answer = ''
  socket.on('data', text => {
    answer += text
  })
  // end() closes our half: a FIN behind the last byte. The other half stays open, and we read on.
  socket.end(`${mode}\none\ntwo\n`)
  await once(socket, 'end')
  const expected = mode === 'allowHalfOpen true' ? 'got 3 lines\n' : ''
  if (answer !== expected) exitUnknown(where, 'npm run 06:server')
  console.log(`${mode}: ${answer === '' ? 'no answer' : `"${answer.trimEnd()}"`}, then end`)
}
// #endregion client
