/** The names of the zone, and those that some function takes for one of them. */

/** The zone: the protocol in words has it too. */
export const ROSE = ['rose', 'garden', 'test']
export const ZONE: [name: string[], addresses: string[]][] = [
  [['garden', 'test'], ['192.0.2.1']],
  [ROSE, ['192.0.2.10']],
  [['red', ...ROSE], ['198.51.100.7']],
  [
    ['ivy', 'garden', 'test'],
    ['192.0.2.20', '192.0.2.21'],
  ],
]

/** Labels as they are in a message: each character stands for a byte, and text is UTF-8. */
export const labelsOf = (text: string): string[] =>
  text.split('.').map(label => Buffer.from(label).toString('latin1'))

const FOLDED = 'only the bytes A to Z match a to z: a function for text knows more capital letters'
const SAME = 'names are bytes: a function for text takes different characters for the same one'

/** Names that are not in the zone, and why they may be found in it. */
export const LOOK_ALIKES: readonly [name: string, likelyCause: string][] = [
  ['roße.garden.test', 'bytes above 7f are not letters'],
  ['rose\0.garden.test', 'a byte 0 in a label belongs to the label'],
  ['\0rose.garden.test', 'a byte 0 in a label belongs to the label'],
  [' rose.garden.test', 'a space belongs to the label'],
  ['rose .garden.test', 'a space belongs to the label'],
  ['rose.garden.test\n', 'a line end belongs to the label'],
  ['é.garden.test', 'bytes above 7f are not letters'],
  ['rose-.garden.test', 'a name matches as a whole'],
  ['r\u000fse.garden.test', 'only A to Z match a to z: no other bits are dropped'],
  ['*.garden.test', 'an asterisk in a question is a byte like any other'],
  ['rose.garden.tes', 'a name matches as a whole'],
  ['rose.garden.test.test', 'a name matches as a whole'],
  ['rose.rose.garden.test', 'a name matches as a whole'],
  ['red.garden.test', 'a name matches as a whole'],
  ['www.ivy.garden.test', 'a name matches as a whole'],
  ['__proto__', 'a plain object inherits names such as this one: use a Map'],
  ['constructor', 'a plain object inherits names such as this one: use a Map'],
  ['ro\u017fe.garden.test', FOLDED],
  ['rose.garden.te\u017ft', FOLDED],
  ['\u0131vy.garden.test', FOLDED],
  ['\u0130vy.garden.test', FOLDED],
  ['rose.garden.te\ufb06', FOLDED],
  ['\uff32ose.garden.test', SAME],
  ['ros\u00e9.garden.test', SAME],
  ['rose\u0301.garden.test', SAME],
  ['ro\u200bse.garden.test', SAME],
  ['ro\u00adse.garden.test', SAME],
  ['\ufeffrose.garden.test', SAME],
  ['rose\u3002garden.test', SAME],
]
