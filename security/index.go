package security

import "crm/security/finding"

// LoadIndex returns the blind index of a keyset file's content, as NewKeyset creates it. It also finds text that was
// indexed with the keyset's other keys.
func LoadIndex(keysetJSON []byte) (*finding.Index, error) {
	secrets, err := indexSecrets(keysetJSON)
	if err != nil {
		return nil, err
	}
	var others [][]byte
	for _, s := range secrets[1:] {
		others = append(others, s.Secret)
	}
	return finding.NewIndex(secrets[0].Secret, others...), nil
}
