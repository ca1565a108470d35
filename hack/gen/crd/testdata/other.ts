/** Another type of a name that is taken. @maxLength 5 */
export type Word = string;
