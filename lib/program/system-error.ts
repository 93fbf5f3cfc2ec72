/** What the usual error codes of files mean, and what to do. */
const MEANING: Record<string, string> = {
  EACCES: 'you may not do that here: look at owner and mode (ls -l)',
  EPERM: 'you may not do that here: look at owner and mode (ls -l)',
  EROFS: 'that file system is read-only',
  ENOSPC: 'no space is left on that file system',
  EDQUOT: 'your quota of disk space is used up',
  ENOENT: 'there is no such file or folder',
  ENOTDIR: 'a part of that path is a file, not a folder',
  EISDIR: 'that is a folder, expected a file',
  EEXIST: 'that is there already',
  ENAMETOOLONG: 'that name is too long for the file system',
  ELOOP: 'its symbolic links lead round in a circle',
  EMFILE: 'too many open files: see ulimit -n',
  EIO: 'the device reports an error',
}

/** `EROFS (that file system is read-only)`: the code of an error, and what it means. */
export function explainCode(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === undefined) return message
  const meaning = MEANING[code]
  return meaning === undefined ? code : `${code} (${meaning})`
}

/** Whether an error is the system's, about a file: no mistake of the program. */
export function isFileError(error: unknown): error is NodeJS.ErrnoException {
  const { code, syscall } = error as NodeJS.ErrnoException
  return code !== undefined && syscall !== undefined && Object.hasOwn(MEANING, code)
}
