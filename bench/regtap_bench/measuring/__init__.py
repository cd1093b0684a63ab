"""Fresh processes to time the arms, in blocks of random order."""
