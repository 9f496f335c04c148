"""Messenger Platform: https://developers.facebook.com/docs/messenger-platform/"""
